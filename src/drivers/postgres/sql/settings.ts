import { type DriverSettings, rememberTexts } from '../../../driver/index.ts';

const part = '[A-Za-z_][\\w$]{0,62}';
const allowed = new RegExp(`^${part}(?:\\.${part})?$`);
/** What belongs to the transaction or the session itself, or would change how the wire is read. */
const reserved =
  /^(?:transaction_.*|default_transaction_.*|session_authorization|is_superuser|client_encoding|server_encoding|datestyle|intervalstyle|bytea_output|standard_conforming_strings|seed)$/i;

const expected =
  'letters, digits and underscores, with at most one dot in between, such as app.tenant, role or search_path; nothing that belongs to transactions, sessions or the protocol';

/** Whether what follows is sent as another user: what that one may not set comes before. */
function isRole(name: string): boolean {
  return name.toLowerCase() === 'role';
}

/**
 * The text that sets these: names stand in it, since they were checked, so that it tells what it changes and is prepared once; values
 * never do.
 */
const textFor = rememberTexts(
  (names) =>
    `select ${names
      .split(' ')
      .map((name, index) => `set_config('${name}', $${index + 1}, true)`)
      .join(', ')}`,
  200,
);

/** Settings until the end of a transaction: `set_config` with its last argument true. */
export const postgresSettings: DriverSettings = {
  checkName: (name) => (allowed.test(name) && !reserved.test(name) ? undefined : expected),
  apply(values, cleared) {
    const entries = [...values, ...cleared.map((name): [string, string] => [name, isRole(name) ? 'none' : ''])];
    const ordered = [...entries.filter(([name]) => !isRole(name)), ...entries.filter(([name]) => isRole(name))];
    return { text: textFor(ordered.map(([name]) => name).join(' ')), values: ordered.map(([, value]) => value) };
  },
};
