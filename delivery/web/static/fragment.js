// A wallet comes back with its code in the fragment of the address, which no
// server sees: it goes into the form that the person posts, and out of sight.
const form = document.querySelector("form[data-fragment]");
const sent = new URLSearchParams(location.hash.slice(1));
if (form && sent.size > 0) {
  for (const name of form.dataset.fragment.split(" ")) {
    const value = sent.get(name);
    if (value) {
      const field = form.querySelector(`input[name="${name}"]`) ?? document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      form.append(field);
    }
  }
  history.replaceState(null, "", location.pathname);
}
