// Where the page begins. The token comes in the link's fragment, which no server ever sees, and leaves the address at once.

import { render } from 'preact';
import { App } from './app';
import { listen_to_keys } from './keys';
import { decoded } from './router';
import { connection, log_in, start } from './store';
import './style/page.css';

function token_of_address(): string | undefined {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (token === undefined) return undefined;
  history.replaceState(null, '', location.pathname + location.search);
  return decoded(token);
}

const token = token_of_address();
const root = document.getElementById('page');
if (root) render(<App />, root);
listen_to_keys(() => connection.value !== 'signed-out' && connection.value !== 'starting');
addEventListener('hashchange', () => {
  const later = token_of_address();
  if (later) void log_in(later).catch(() => {});
});
void start(token);
performance.mark('agentbridge:started');
