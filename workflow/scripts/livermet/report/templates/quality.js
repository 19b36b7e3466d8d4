// Leafs through the series; without scripts all of them stand below one another.
(() => {
  const all = [...document.querySelectorAll("figure.series")];
  const links = new Map([...document.querySelectorAll(".leaves a")].map((link) => [link.hash.slice(1), link]));
  const [kind, place] = ["kind", "place"].map((id) => document.getElementById(id));
  if (!all.length) return;
  let shown = all;
  let at = 0;

  function turn(to) {
    at = Math.min(Math.max(to, 0), shown.length - 1);
    for (const one of document.querySelectorAll(".now")) one.classList.remove("now");
    const link = links.get(shown[at].id);
    shown[at].classList.add("now");
    link.classList.add("now");
    link.scrollIntoView({ block: "nearest" });
    place.textContent = `${at + 1} of ${shown.length}`;
    history.replaceState(null, "", `#${shown[at].id}`);
  }

  function choose() {
    shown = kind.value ? all.filter((one) => one.dataset.kinds.split(" ").includes(kind.value)) : all;
    for (const one of all) links.get(one.id).parentNode.classList.toggle("left-out", !shown.includes(one));
    turn(0);
  }

  function open() {
    turn(Math.max(0, shown.findIndex((one) => `#${one.id}` === location.hash)));
  }

  // Up and down scroll, as everywhere.
  const STEPS = { ArrowRight: 1, ArrowLeft: -1 };
  document.addEventListener("keydown", (event) => {
    if (event.target === kind || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    turn(at + STEPS[event.key]);
  });
  document.getElementById("back").addEventListener("click", () => turn(at - 1));
  document.getElementById("on").addEventListener("click", () => turn(at + 1));
  kind.addEventListener("change", choose);
  window.addEventListener("hashchange", open);
  document.body.classList.add("leafing");
  open();
})();
