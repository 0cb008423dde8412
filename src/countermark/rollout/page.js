(() => {
  const seconds = Number(document.body.dataset.refresh);
  const status = document.getElementById("updates");
  const button = document.getElementById("pause");
  const usual = status.textContent;
  const lost = "Not updated. Reload the page; you may have to sign in again.";
  let paused = false;

  function say(text) {
    if (status.textContent !== text) status.textContent = text;
  }

  // Changes only what differs, so that the focus, the selection and open details stay.
  function change(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
    if (old.nodeType === Node.TEXT_NODE) return void (old.data = fresh.data);
    for (const {name} of [...old.attributes]) {
      if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const {name, value} of [...fresh.attributes]) old.setAttribute(name, value);
    const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
    after.forEach((node, at) => before[at] ? change(before[at], node) : old.append(node));
    before.slice(after.length).forEach(node => node.remove());
  }

  async function update() {
    const answer = await fetch(location.href, {
      cache: "no-store",
      redirect: "error",  // to the login
      signal: AbortSignal.timeout(30_000),
    });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok || page.body.dataset.refresh === undefined) throw new Error("not the page");
    if (paused) return;
    document.title = page.title;
    change(document.getElementById("main"), page.getElementById("main"));
  }

  async function run() {
    for (;;) {
      await new Promise(done => setTimeout(done, seconds * 1000));
      if (paused || document.hidden) continue;
      const text = await update().then(() => usual, () => lost);
      if (!paused) say(text);
    }
  }

  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Resume" : "Pause";
    say(paused ? "Updates are paused" : usual);
  });
  button.hidden = false;
  run();
})();
