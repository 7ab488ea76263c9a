// What the control API answers, noted for whoever holds it against its description afterwards (tests/e2e/web_test.py): a line of
// JSON for each answer, in the file that E2E_ANSWERS names. Without that, nothing is noted.

import { appendFileSync } from 'node:fs';

const kFile = process.env.E2E_ANSWERS;
const kRoot = '/api/v1';

/** `by`: who asked. `headers`: by their names in lower case. `body`: text; undefined if it is not known. */
function note(by, method, url, status, headers, body) {
  const path = new URL(url).pathname.slice(kRoot.length);
  appendFileSync(kFile, `${JSON.stringify({ by, method, path, status, headers, body })}\n`);
}

/** An answer that the tests themselves asked for. */
export function note_answer(method, answer, body) {
  if (kFile) note('tests', method, answer.url, answer.status, Object.fromEntries(answer.headers), body);
}

/** All that the page asks for from now on. */
export function note_answers(page) {
  if (!kFile) return;
  page.on('response', async (response) => {
    if (!new URL(response.url()).pathname.startsWith(`${kRoot}/`)) return;
    try {
      // What a test answers in the program's place comes from no address.
      if (!(await response.serverAddr())) return;
      const headers = await response.allHeaders();
      // Events never end; sound is not looked into; of what may not be shown in a frame the browser has a page of its own.
      const fetched = response.request().resourceType() !== 'document';
      const whole = fetched && (headers['content-type']?.includes('json') || !headers['content-type']);
      const body = whole ? await response.text().catch(() => undefined) : undefined;
      note('page', response.request().method(), response.url(), response.status(), headers, body);
    } catch {
      // The page is gone, and the answer with it.
    }
  });
}
