import { withoutLeading } from '../sql/inspect.ts';

/** Settings that decide what the names in a text mean; as bits, since several can be changed. */
const searchPath = 1;
const role = 2;
const both = searchPath | role;

/** What a text does to prepared statements. */
export interface TextEffects {
  /** It changes tables or types, or may do so. */
  readonly changesSchema: boolean;
  /** It drops all prepared statements of its connection. */
  readonly dropsAll: boolean;
  /** The settings that it changes. */
  readonly settings: number;
  /** Until when: the end of the transaction or of the session; or they are again as they were at its beginning. */
  readonly lasts: 'transaction' | 'session' | 'restored';
}

/** What has none of these words has no effects, as almost all texts. */
const anyText = /^(?:alter|create|drop|import|do|discard|deallocate|reset|set)\b|\bset_config\b/i;
const schemaText = /^(?:alter|create|drop|import|do)\b/i;
const dropText = /^(?:discard\s+all|deallocate\s+(?:prepare\s+)?all)\b/i;
const restoreText =
  /^(?:discard\s+(all)|reset\s+(?:(all|"?search_path"?)|(?:"?role"?|session\s+authorization))|set\s+(?:session\s+)?(?:"?search_path"?\s*(?:to|=)\s*(default)|role\s+none))\b/i;
const setText =
  /^set\s+(local\s+)?(?:session\s+)?(?:("?search_path"?|schema)|"?role"?|(?:session\s+)?authorization)(?![\w$])/i;
const configCall = /\bset_config\s*\(\s*(?:'([^']*)')?/gi;
const forSession = /,\s*(?:false|'f[alse]*'|'off'|'no'?|'0')\s*\)/i;

/** What a text does to prepared statements; nothing for almost all. */
export function effectsOf(text: string): TextEffects | undefined {
  const statement = withoutLeading(text);
  if (!anyText.test(statement)) return undefined;
  if (schemaText.test(statement)) return { changesSchema: true, dropsAll: false, settings: 0, lasts: 'restored' };
  const dropsAll = dropText.test(statement);
  const restores = restoreText.exec(statement);
  if (dropsAll || restores !== null)
    return {
      changesSchema: false,
      dropsAll,
      settings: restores === null ? 0 : restoredBy(restores),
      lasts: 'restored',
    };
  const set = setText.exec(statement);
  if (set !== null) return setting(set[2] === undefined ? role : searchPath, set[1] === undefined);
  return effectsOfCalls(statement);
}

function restoredBy([, discarded, path, toDefault]: RegExpExecArray): number {
  if (discarded !== undefined) return both;
  return path === undefined && toDefault === undefined ? role : searchPath;
}

/** Of `set_config(name, value, is_local)`, whose name may be a value; then it may be any. */
function effectsOfCalls(text: string): TextEffects | undefined {
  let settings = 0;
  for (const [, name] of text.matchAll(configCall)) settings |= name === undefined ? both : bitOf(name.toLowerCase());
  return settings === 0 ? undefined : setting(settings, forSession.test(text));
}

function bitOf(name: string): number {
  if (name === 'search_path') return searchPath;
  return name === 'role' || name === 'session_authorization' ? role : 0;
}

function setting(settings: number, isForSession: boolean): TextEffects {
  return { changesSchema: false, dropsAll: false, settings, lasts: isForSession ? 'session' : 'transaction' };
}
