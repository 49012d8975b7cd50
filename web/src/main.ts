// SPDX-License-Identifier: Apache-2.0
// The page's beginning: log in, then show. Logging out loads the page anew, so that nothing of the session stays.
import { el } from './dom';
import type { Phase } from './link';
import { LoginView } from './login';
import { Session } from './session';
import { Shell } from './shell';

const meta = (policy: string): HTMLMetaElement => el('meta', { 'http-equiv': 'Content-Security-Policy', content: policy });

/** From now on this page connects to this broker and nowhere else, whatever happens in it. */
function connectOnlyTo(url: URL): void {
  document.head.append(meta(`connect-src ${url.protocol}//${url.host}`));
}

function begin(): void {
  let session: Session | undefined;
  let shell: Shell | undefined;

  const login = new LoginView((chosen) => {
    session?.end();
    const opened = new Session(chosen, {
      phase: (phase, reason) => {
        if (opened === session) changed(phase, reason);
      },
      changed: (part, address) => shell?.changed(part, address),
      rights: (rights) => shell?.rights(rights),
      waiting: () => shell?.waiting(),
      payload: (message) => shell?.payload(message),
    });
    session = opened;
  });

  const changed = (phase: Phase, reason: string): void => {
    if (phase === 'connected' && session && !shell) {
      connectOnlyTo(session.login.url);
      login.forget();
      shell = new Shell(session);
      login.element.replaceWith(shell.element);
    }
    if (shell) shell.phase(phase, reason);
    else if (phase === 'refused') login.failed(reason);
    else if (phase === 'connecting' && reason !== '') login.failed(reason);
  };

  document.body.append(login.element);
  login.focus();
}

// Inside another page, that page could lay its own over this one's buttons. A policy in the document cannot forbid it.
if (window.top === window.self) begin();
else document.body.append(el('p', {}, 'This page does not work inside another page. Open it by itself.'));
