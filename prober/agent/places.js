// What a page shows, how one thing of it is found again in another run, and how it is changed.
// One expression, an object of functions; `mutant.py` has the page evaluate it.
(() => {
  const MONEY = "(?:\\p{Sc}|\\b(?:EUR|USD|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|CZK)\\b)";
  const AMOUNT = new RegExp(`${MONEY}\\s*\\d+|\\d+(?=[\\d.,'\\s]*${MONEY})`, "u");
  const LONGEST = 200;
  const LISTED = "li, article, [role=listitem], [role=option]";
  const FEW = 5;  // more amounts than these that stand alike are an offer, not a bill
  const OTHER_WORDS = "Something went wrong";

  const words = el => (el.textContent || "").replace(/\s+/g, " ").trim().slice(0, LONGEST);
  // Order numbers and prices differ from run to run.
  const masked = text => text.replace(/\d+/g, "#");
  const path = () => location.pathname.replace(/[0-9a-f-]{16,}|\d+/gi, "#");
  const sign = el =>
    [el.getAttribute("type"), el.getAttribute("name"), masked(words(el))].join("|");

  // Where an element stands; what comes after it in the document does not matter.
  const chain = el => {
    const parts = [];
    for (; el && el !== document.documentElement; el = el.parentElement) {
      let n = 1;
      for (let s = el.previousElementSibling; s; s = s.previousElementSibling)
        n += s.localName === el.localName;
      parts.unshift(`${CSS.escape(el.localName)}:nth-of-type(${n})`);
    }
    return parts.join(" > ");
  };

  const describe = el => ({
    host: location.host, path: path(), chain: chain(el), sign: sign(el), tag: el.localName,
    text: words(el), amount: AMOUNT.test(words(el)),
  });

  const visible = el => el.checkVisibility({ visibilityProperty: true, opacityProperty: true });

  const heading = () => {
    const all = [...document.querySelectorAll("h1, h2, h3, [role=heading]")]
      .filter(el => visible(el) && words(el));
    return all.find(el => el.matches("h1, [aria-level='1']")) || all[0];
  };

  // The smallest elements that say an amount; of a list, only when it has no second like it.
  const amounts = () => {
    const says = el => el.textContent.length <= LONGEST && AMOUNT.test(words(el));
    const found = [...document.body.querySelectorAll("*")].filter(el =>
      !el.matches("script, style, noscript, template, option") && says(el)
      && ![...el.children].some(says) && visible(el));
    const place = el => chain(el).replace(/\(\d+\)/g, "");
    const alike = el => found.filter(other => place(other) === place(el)).length;
    return found.filter(el => alike(el) <= (el.closest(LISTED) ? 1 : FEW));
  };

  // What there is to see at the end of a step.
  const look = () => {
    const first = heading();
    return [...(first ? [{ ...describe(first), heading: true }] : []), ...amounts().map(describe)];
  };

  const texts = el => {
    const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) if (walker.currentNode.nodeValue.trim()) found.push(walker.currentNode);
    return found;
  };

  const raised = text =>
    text.replace(AMOUNT.test(text) ? AMOUNT : /\d+/, found =>
      found.replace(/\d$/, digit => (digit === "9" ? "8" : String(Number(digit) + 1))));

  // Change what was described, now and whenever the page shows it again.
  const strike = (kind, target) => {
    const ours = new WeakMap();  // a changed amount has the same sign as before
    const set = (node, value) => { ours.set(node, value); node.nodeValue = value; };
    const change = {
      removed: el => { el.remove(); return true; },
      text: el => {
        texts(el).forEach((node, n) => set(node, n ? "" : OTHER_WORDS));
        return true;
      },
      amount: el => {
        const nodes = texts(el);
        const node = nodes.find(each => AMOUNT.test(each.nodeValue))
          || nodes.find(each => /\d/.test(each.nodeValue));
        if (!node || ours.get(node) === node.nodeValue) return false;
        set(node, raised(node.nodeValue));
        return true;
      },
    }[kind];
    const apply = () => {
      if (location.host !== target.host || path() !== target.path) return;
      for (const el of document.querySelectorAll(target.chain))
        if (sign(el) === target.sign && change(el)) window.proberStruck();
    };
    new MutationObserver(apply)
      .observe(document, { subtree: true, childList: true, characterData: true });
    apply();
  };

  return { describe, look, strike };
})()
