// The claims page: choose a section and a verdict, and the other cards are hidden.
// The place for the two choices is an empty element; without this script all cards are there.
addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector(".claim-filters");
  if (!place) return;
  const cards = [...document.querySelectorAll(".verdict-card")];
  const section = (card) => {
    const claim = card.dataset.claim;
    return claim.startsWith("B") ? "beyond the paper" : claim.replace(/[a-z]+$/, "");
  };
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  const choices = { section, verdict: (card) => card.dataset.verdict };
  const menus = Object.entries(choices).map(([name, of]) => {
    const label = document.createElement("label");
    const menu = document.createElement("select");
    for (const value of ["all", ...new Set(cards.map(of))]) menu.add(new Option(value));
    label.append(name + " ", menu);
    place.append(label, " ");
    return { menu, of };
  });
  const show = () => {
    let count = 0;
    for (const card of cards) {
      const hidden = menus.some(({ menu, of }) => menu.value !== "all" && of(card) !== menu.value);
      card.hidden = hidden;
      count += !hidden;
    }
    said.textContent = `${count} of ${cards.length} claims`;
  };
  for (const { menu } of menus) menu.addEventListener("change", show);
  place.append(said);
  show();
});
