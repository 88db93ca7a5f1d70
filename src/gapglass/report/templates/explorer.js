// Chemiscope draws the map and the atoms. This script chooses the data, the colours, and lists the numbers of a point.
const element = (id) => document.getElementById(id);
const warnings = new Chemiscope.Warnings();
warnings.defaultTimeout = 0;
warnings.addHandler((message) => problem(message));
let viewer = null, shown = null;

function problem(message) {
  element("problem").textContent = String(message);
  element("problem").hidden = false;
}

function options(select, texts) {
  select.replaceChildren(...texts.map((text, place) => new Option(text, place)));
}

// Numbers of the point that is chosen: of a frame, or of an atom and its glass.
function tell(indexes) {
  const { data, numbers, models } = DATASETS[shown];
  const rows = numbers.map((name) => {
    const item = data.properties[name];
    const value = item.values[item.target === "atom" ? indexes.environment : indexes.structure];
    return [name, Number.isNaN(value) || value === "" ? "not known" : `${value}${item.units ? " " + item.units : ""}`];
  });
  const model = models && models[indexes.structure];
  if (model) rows.push(...Object.entries(model).filter(([name]) => name !== "name"));
  element("title").textContent = model
    ? `Atom ${indexes.atom} of ${model.name}`
    : `Frame ${data.properties.frame.values[indexes.structure]}, ${data.structures[indexes.structure].size} atoms`;
  element("numbers").replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
    head.scope = "row"; head.textContent = name; cell.textContent = value;
    row.append(head, cell);
    return row;
  }));
  if (model) element("model").value = indexes.structure;
}

// Words have the numbers 0, 1, ... on the scale of the colours, in the order in which they come first.
function legend(name) {
  const item = DATASETS[shown].data.properties[name];
  const words = typeof item.values[0] === "string" ? [...new Set(item.values)] : [];
  element("legend").textContent = words.length
    ? "Colours: " + words.map((word, place) => `${place} ${word}`).join(", ") + "."
    : [item.description, item.units && `in ${item.units}`].filter(Boolean).join(", ");
}

function colour(name) {
  viewer.map.applySettings({ color: { property: name } });
  if (shown === "glass") viewer.structure.applySettings([{ color: { property: name } }]);
  legend(name);
}

async function open(name) {
  if (viewer) viewer.remove();
  viewer = null;
  shown = name;
  for (const button of document.querySelectorAll("[data-set]"))
    button.setAttribute("aria-pressed", String(button.dataset.set === name));
  const { data, colours, start, models } = DATASETS[name];
  options(element("colour"), colours);
  element("colour").value = colours.indexOf(start);
  element("of-glass").hidden = !models;
  options(element("model"), (models || []).map((model) => model.name));
  legend(start);
  try {
    viewer = await Chemiscope.DefaultVisualizer.load(
      { meta: "meta", map: "map", info: "info", structure: "structure" }, data, warnings);
  } catch (error) {
    problem(`This browser cannot show the atoms: ${error.message}. It may lack WebGL.`);
    throw error;
  }
  const show = viewer.info.show.bind(viewer.info);
  viewer.info.show = (indexes) => { show(indexes); tell(indexes); };
  tell({ environment: 0, structure: 0, atom: 0 });
}

for (const button of document.querySelectorAll("[data-set]"))
  button.addEventListener("click", () => open(button.dataset.set));
element("colour").addEventListener("change", (event) => colour(DATASETS[shown].colours[event.target.value]));
element("model").addEventListener("change", (event) => viewer.select({ structure: Number(event.target.value), atom: 0 }));
open(Object.keys(DATASETS)[0]);
