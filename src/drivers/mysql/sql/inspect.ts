import { rememberTexts, type StatementKind } from '../../../driver/index.ts';
import { withoutComments } from './tokens.ts';

const control =
  /^(?:begin|start\s+transaction|commit|rollback|savepoint|release\s+savepoint|xa(?!\s+recover\b)|set\s+(?:(?:global|session|local)\s+)?transaction|set\s+(?:.*,\s*)?(?:(?:global|session|local)\s+|@@(?:(?:global|session|local)\.)?)?(?:autocommit|completion_type|sql_mode|(?:tx|transaction)_(?:isolation|read_only))\b)/is;
/** See "Statements That Cause an Implicit Commit" in the manuals of both servers. */
const committing =
  /^(?:(?:alter|rename|grant|revoke|install|uninstall|optimize|repair|analyze\s+(?:(?:local|no_write_to_binlog)\s+)?table|check\s+table|cache\s+index|load\s+index|load\s+data\s+from|flush|reset|lock|unlock|change|purge|shutdown|set\s+(?:password|role|default\s+role)|(?:start|stop)\s+(?:all\s+)?(?:slaves?|replicas?|group_replication)|import\s+table|truncate)\b|(?:create|drop)\b(?!\s+(?:or\s+replace\s+)?temporary\s))/i;
const reading = /^[\s(]*(?:select|table|values|show|with|explain|describe|desc)\b/i;
const lockClause = /\b(?:for\s+update|lock\s+in\s+share\s+mode|for\s+share)\b/gi;
const writingWord = /\b(?:insert|update|delete|replace|into|nextval|setval|get_lock|release_lock)\b|\bnext\s+value\b/i;
/** What a text does. In doubt it writes: a word in a string counts as if it were SQL. */
export const inspectText: (text: string) => StatementKind = rememberTexts((text) => {
  const statement = withoutComments(text).trim();
  if (control.test(statement)) return 'control';
  if (committing.test(statement)) return 'implicitCommit';
  return reading.test(statement) && !writingWord.test(statement.replace(lockClause, '')) ? 'read' : 'write';
});

/** Whether it calls a procedure, which may commit, or run what does. */
export function isCall(text: string): boolean {
  return /^\s*(?:call|execute)\b/i.test(text);
}

const manipulating = /^[\s(]*(?:insert|update|delete|replace|select|with|values|table)\b/i;

/** Whether the server undoes the whole of it when it fails: not so for a procedure, which may have done half of its work. */
export function isAllOrNothing(text: string): boolean {
  return manipulating.test(withoutComments(text));
}

/** Whether statements of the same transaction may be sent behind it: it ends none, and asks the client for nothing. */
export const mayBeFollowed: (text: string) => boolean = rememberTexts(isAllOrNothing);

const outlasting = /:=|\binto\s+(?:outfile|dumpfile|@)|\b(?:get_lock|release_lock|release_all_locks|setval)\b/i;

/** Whether a rollback undoes all that it does, so that it may be carried out although something before it has failed. */
export const mayGoAhead: (text: string) => boolean = rememberTexts(
  (text) => isAllOrNothing(text) && !outlasting.test(text),
);
