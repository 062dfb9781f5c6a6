// A room, live: shows messages as they come, and posts one's own.

const list = document.querySelector("#messages");
const state = document.querySelector("#state");
const form = document.querySelector("#say");
const problem = document.querySelector("#problem");

// A connection that broke is tried again, each time after twice as long.
let pause = 500;

function lastId() {
  return list.lastElementChild ? Number(list.lastElementChild.dataset.id) : 0;
}

function show(message) {
  const item = document.createElement("li");
  const author = document.createElement("b");
  const time = document.createElement("time");
  const text = document.createElement("p");
  item.dataset.id = message.id;
  // textContent, not innerHTML: what people write is text.
  author.textContent = message.author;
  time.dateTime = message.at;
  time.textContent = message.at.slice(11, 16);
  text.textContent = message.text;
  item.append(author, " ", time, text);
  list.append(item);
}

function listen() {
  // http becomes ws, and https becomes wss.
  const url = new URL(list.dataset.live, location.href.replace(/^http/, "ws"));
  url.searchParams.set("after", lastId());
  const socket = new WebSocket(url);
  socket.onopen = () => {
    state.textContent = "live";
    pause = 500;
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.id > lastId()) show(message);
  };
  socket.onclose = () => {
    state.textContent = "connecting …";
    setTimeout(listen, pause);
    pause = Math.min(pause * 2, 30_000);
  };
}

async function say(event) {
  event.preventDefault();
  const field = form.elements.text;
  const response = await fetch(form.getAttribute("action"), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ text: field.value }),
  });
  if (response.ok) field.value = "";
  problem.textContent = response.ok ? "" : (await response.json()).error;
}

listen();
if (form) form.addEventListener("submit", say);
