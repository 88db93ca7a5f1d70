"use strict";
// The table of contents marks the section that is read, and is open where there is room beside the text.
const links = [...document.querySelectorAll(".contents a")];
const sections = links.map((link) => document.querySelector(link.hash));
const here = document.querySelector(".contents .here");
function mark() {
  const top = window.innerHeight / 3;
  let current = 0;
  sections.forEach((section, place) => { if (section.getBoundingClientRect().top < top) current = place; });
  if (window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2) current = links.length - 1;
  links.forEach((link, place) => {
    if (place === current) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  });
  here.textContent = links[current].textContent;
}
let waiting = false;
addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; mark(); });
}, { passive: true });
const contents = document.querySelector(".contents details");
const wide = matchMedia("(min-width: 68rem)");
const fit = () => { contents.open = wide.matches; here.hidden = wide.matches; };
wide.addEventListener("change", fit);
for (const link of links) link.addEventListener("click", () => { if (!wide.matches) contents.open = false; });
// Details are printed open, and closed again.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("main details:not([open])")];
  for (const item of closed) item.open = true;
});
addEventListener("afterprint", () => { for (const item of closed) item.open = false; });
// A link into a closed part opens it.
function reveal() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let item = target; item; item = item.parentElement) if (item.tagName === "DETAILS") item.open = true;
}
addEventListener("hashchange", reveal);
reveal();
fit();
mark();
