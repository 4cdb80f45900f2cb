const called = /([\p{L}_$][\p{L}\p{N}_$]*|"(?:[^"]|"")+"|`(?:[^`]|``)+`)\s*\(/gu;

/** What may stand before a bracket: words of SQL, and functions that look at what they are given alone. */
const harmless = new Set(
  `all and any array as between by case conflict cross distinct else except exists filter from group having in inner intersect
  join key lateral left limit materialized not offset on or order over partition returning right row select set some then union
  using values when where
  abs avg bool_and bool_or cast ceil ceiling char char_length coalesce concat count current_date current_timestamp date
  date_trunc decimal dense_rank extract first_value floor greatest if ifnull int interval json_agg json_array json_arrayagg
  json_build_object json_object json_objectagg jsonb_agg jsonb_build_object lag last_value lead least left length lower lpad
  max min mod now nullif numeric power rank replace right round row_number rpad sign sqrt string_agg substr substring sum
  timestamp to_char trim trunc upper varchar`.split(/\s+/),
);

/** The names that stand before brackets in a statement, and may be those of functions that look at tables. */
export function callsIn(text: string): readonly string[] {
  return Array.from(text.matchAll(called), ([, name = '']) => name).filter((name) => !harmless.has(name.toLowerCase()));
}
