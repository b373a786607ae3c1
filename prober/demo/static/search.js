// Hides the prints whose name does not contain what is typed.
const search = document.getElementById("search");
const cards = [...document.querySelectorAll("#products > li")];

search?.addEventListener("input", () => {
  const wanted = search.value.trim().toLowerCase();
  for (const card of cards) {
    card.hidden = !card.querySelector("h2").textContent.toLowerCase().includes(wanted);
  }
  document.getElementById("nothing").hidden = cards.some((card) => !card.hidden);
});
