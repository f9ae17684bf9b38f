// Makes a part of the page like a fresh one and leaves what is alike: focus, selection and open details survive.
const OWN = { DETAILS: ["open"], BUTTON: ["aria-pressed", "aria-busy", "disabled"] };

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "");

export function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  copyAttributes(old, fresh);
  copyChildren(old, fresh);
}

function copyAttributes(old, fresh) {
  const own = OWN[old.tagName] ?? [];
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !own.includes(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !own.includes(name)) old.setAttribute(name, value);
  }
}

function copyChildren(old, fresh) {
  const keyed = new Map([...old.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const found = match(wanted, place, keyed);
    if (!found) {
      old.insertBefore(document.importNode(wanted, true), place);
      continue;
    }
    if (found === place) place = place.nextSibling;
    else old.insertBefore(found, place);
    if (found.nodeType === Node.ELEMENT_NODE) morph(found, wanted);
    else if (found.data !== wanted.data) found.data = wanted.data;
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function match(wanted, place, keyed) {
  const key = keyOf(wanted);
  if (key) {
    const found = keyed.get(key);
    keyed.delete(key);
    return found?.nodeName === wanted.nodeName ? found : null;
  }
  return place && place.nodeName === wanted.nodeName && !keyOf(place) ? place : null;
}
