// SPDX-License-Identifier: Apache-2.0
// The log-in: MQTT's user and password. The page stores nothing; the browser may offer to remember the password.
import { el, setText } from './dom';
import type { Login } from './link';

const ROOT = /^[^/+#\s\p{C}]+(\/[^/+#\s\p{C}]+)*$/u;

/** Where the page came from has the broker as well: Mosquitto's http_dir, or a web server that passes /mqtt on. */
function usualBroker(): string {
  const secure = location.protocol === 'https:';
  return location.host === '' ? 'ws://localhost:9001/mqtt' : `${secure ? 'wss' : 'ws'}://${location.host}/mqtt`;
}

function brokerUrl(text: string): URL | string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return "The broker's address begins with ws:// or wss://, such as wss://broker.example/mqtt.";
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') return "The broker's address begins with ws:// or wss://.";
  if (url.username !== '' || url.password !== '') return "The broker's address takes no user and no password: enter them above.";
  if (location.protocol === 'https:' && url.protocol === 'ws:') return 'This page came by https, so browsers connect only by wss://.';
  url.hash = '';
  return url;
}

export class LoginView {
  readonly element: HTMLElement;
  private readonly user = el('input', { type: 'text', name: 'username', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false' });
  private readonly password = el('input', { type: 'password', name: 'password', autocomplete: 'current-password' });
  private readonly broker = el('input', { type: 'text', inputmode: 'url', autocomplete: 'off', spellcheck: 'false' });
  private readonly root = el('input', { type: 'text', autocomplete: 'off', spellcheck: 'false' });
  private readonly failure = el('p', { class: 'failure', role: 'alert' });
  private readonly progress = el('p', { class: 'soft', role: 'status' });
  private readonly more = el('details', {}, el('summary', {}, 'Broker and topics'), el('label', {}, 'Broker', this.broker), el('label', {}, 'Root of the topics', this.root));
  private readonly enter = el('button', { type: 'submit', class: 'primary' }, 'Log in');

  constructor(private readonly submit: (login: Login) => void) {
    this.broker.value = usualBroker();
    this.root.value = 'selkie';
    const form = el('form', { class: 'login' }, el('h1', {}, 'Selkie'), el('p', { class: 'soft' }, "Log in with a user of the MQTT broker."),
      el('label', {}, 'User', this.user), el('label', {}, 'Password', this.password), this.more, this.failure, this.progress, this.enter);
    if (location.protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(location.hostname))
      form.insertBefore(el('p', { class: 'failure' }, 'This page came without encryption: whoever listens on the way reads the password.'), this.failure);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.check();
    });
    this.element = el('main', { class: 'login-page' }, form);
  }

  focus(): void {
    this.user.focus();
  }

  told(progress: string): void {
    setText(this.progress, progress);
  }

  failed(why: string): void {
    setText(this.failure, why);
    setText(this.progress, '');
    this.enter.disabled = false;
    this.password.select();
    this.password.focus();
  }

  /** Nothing of the password stays in the document. */
  forget(): void {
    this.password.value = '';
  }

  private check(): void {
    const url = brokerUrl(this.broker.value.trim());
    const root = this.root.value.trim();
    if (typeof url === 'string' || !ROOT.test(root) || root.length > 64) {
      this.more.open = true;
      this.failed(typeof url === 'string' ? url : 'The root is one or more topic levels without wildcards, such as selkie.');
      return;
    }
    setText(this.failure, '');
    this.told('Connecting…');
    this.enter.disabled = true;
    this.submit({ url, root, user: this.user.value, password: this.password.value });
  }
}
