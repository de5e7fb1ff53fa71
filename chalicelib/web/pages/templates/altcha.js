// Solves the challenge of a form (ALTCHA): finds the number whose hash with the salt is the one that is asked for.
// It begins when somebody begins to fill the form in, and sends the form once the number is found.
(() => {
  const form = document.querySelector("form[data-task]");
  if (!form || !window.crypto || !crypto.subtle) return;
  const task = JSON.parse(form.dataset.task), field = form.elements.namedItem("altcha"), bytes = new TextEncoder();
  const hex = (hash) => Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
  let solving;
  const solve = async () => {
    for (let number = 0; number <= task.maxnumber; number++) {
      if (hex(await crypto.subtle.digest("SHA-256", bytes.encode(task.salt + number))) === task.challenge) {
        const { algorithm, challenge, salt, signature } = task;
        field.value = btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
        return;
      }
    }
  };
  const begin = () => (solving ||= solve());
  form.addEventListener("focusin", begin, { once: true });
  form.addEventListener("submit", async (event) => {
    if (field.value) return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.setAttribute("aria-busy", "true");
    await begin();
    button.removeAttribute("aria-busy");
    if (field.value) form.requestSubmit();
    else form.submit();
  });
})();
