// Documents of a message being written go up at once, with a bar that says how
// far they are, and can be dropped onto the form. Without this the form sends
// them with its buttons.
for (const form of document.querySelectorAll("form[data-compose]")) {
  const area = form.querySelector("[data-drop]");
  const input = area && area.querySelector("input[type=file]");
  const bars = area && area.querySelector("[data-uploads]");
  if (!input || !bars) {
    continue;
  }
  for (const el of area.querySelectorAll("[data-script]")) {
    el.hidden = el.dataset.script === "off";
  }

  const list = () => {
    let ul = area.querySelector("ul.files");
    if (!ul) {
      ul = document.createElement("ul");
      ul.className = "files";
      bars.before(ul);
    }
    return ul;
  };
  const said = (text, name) => text.replace("{name}", name);

  const kept = (doc) => {
    const li = document.createElement("li");
    const what = document.createElement("span");
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = doc.name;
    what.append(name);
    const id = document.createElement("input");
    id.type = "hidden";
    id.name = "document";
    id.value = doc.id;
    const drop = document.createElement("button");
    drop.className = "quiet";
    drop.type = "button";
    drop.textContent = form.dataset.removeWord;
    const which = document.createElement("span");
    which.className = "sr";
    which.textContent = " " + doc.name;
    drop.append(which);
    drop.addEventListener("click", () => {
      li.remove();
      input.focus();
    });
    li.append(what, id, drop);
    list().append(li);
  };

  const send = (file) => {
    const line = document.createElement("p");
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = 0;
    const label = document.createElement("label");
    label.textContent = said(form.dataset.uploading, file.name) + " ";
    label.append(bar);
    line.append(label);
    bars.append(line);
    const wrong = (text) => {
      line.className = "fault";
      line.textContent = text;
    };
    const body = new FormData();
    body.append("documents", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", form.dataset.compose);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) {
        bar.value = (100 * event.loaded) / event.total;
      }
    });
    request.addEventListener("load", () => {
      const answer = request.response;
      if (!answer || !answer.documents) {
        wrong(said(form.dataset.failed, file.name));
        return;
      }
      for (const doc of answer.documents) {
        kept(doc);
      }
      if (answer.faults.length > 0) {
        wrong(answer.faults.join(" "));
        return;
      }
      line.textContent = said(form.dataset.done, file.name);
    });
    request.addEventListener("error", () => wrong(said(form.dataset.failed, file.name)));
    request.send(body);
  };

  const take = (files) => {
    bars.replaceChildren();
    for (const file of files) {
      send(file);
    }
  };
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  for (const kind of ["dragenter", "dragover"]) {
    area.addEventListener(kind, (event) => {
      event.preventDefault();
      area.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) {
    area.addEventListener(kind, () => area.classList.remove("over"));
  }
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}
