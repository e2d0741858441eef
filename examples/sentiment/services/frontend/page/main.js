// Build: {{build}}
const element = (id) => document.getElementById(id);
const form = element('ask');
const submit = form.querySelector('button');
const answers = [...element('feedback').querySelectorAll('button')];
let shown = null;

function say(text, failed = false) {
  element('status').textContent = text;
  element('status').classList.toggle('failed', failed);
}

async function post(path, value) {
  const started = performance.now();
  const response = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
  return { response, seconds: ((performance.now() - started) / 1000).toFixed(2) };
}

function describe(polarity) {
  if (polarity > 0.6) return 'Very positive';
  if (polarity > 0.1) return 'Positive';
  if (polarity >= -0.1) return 'Neutral';
  return polarity >= -0.6 ? 'Negative' : 'Very negative';
}

function show({ sentence, polarity }, pod, seconds) {
  shown = { sentence, polarity };
  element('said').textContent = sentence;
  element('verdict').textContent = `${describe(polarity)} (${polarity.toFixed(2)})`;
  element('meter').value = polarity;
  element('provenance').textContent = pod ? `Analysed by ${pod} in ${seconds} s.` : `Analysed in ${seconds} s.`;
  for (const button of answers) button.disabled = false;
  element('result').hidden = false;
}

async function analyse(sentence) {
  const { response, seconds } = await post('/sentiment', { sentence });
  if (!response.ok) return say(`The service answered ${response.status} after ${seconds} s. Try again.`, true);
  show(await response.json(), response.headers.get('x-analysed-by'), seconds);
  say('');
}

async function rate(correct) {
  for (const button of answers) button.disabled = true;
  const { response } = await post('/feedback', { ...shown, correct });
  if (response.status === 201) return say('Thank you, noted.');
  for (const button of answers) button.disabled = false;
  say(`Your feedback could not be stored (${response.status}).`, true);
}

function guarded(action) {
  return action.catch((error) => say(`The service cannot be reached: ${error.message}`, true));
}

async function submitted() {
  submit.disabled = true;
  element('result').hidden = true;
  say('Thinking…');
  await guarded(analyse(element('sentence').value.trim()));
  submit.disabled = false;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void submitted();
});

for (const button of answers) button.addEventListener('click', () => void guarded(rate(button.dataset.correct === 'true')));

element('sentence').focus();
