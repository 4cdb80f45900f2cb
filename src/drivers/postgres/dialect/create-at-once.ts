/**
 * Makes one of a `create ... if not exists`, which several connections may run at the same time. PostgreSQL looks first and creates
 * then: who comes second waits for the first one's transaction, and fails when that commits, on an index of the catalog or because
 * the name is taken. Now it is there, and the second look finds it. As one statement it does the same for whatever runs SQL, and in
 * an open transaction, which the failure would end.
 */
export function createAtOnce(statement: string): string {
  return `do $sluice$ begin
${statement};
exception when unique_violation or duplicate_table or duplicate_object then
${statement};
end $sluice$`;
}
