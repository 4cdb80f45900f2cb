/**
 * Behind each table of Sluice's own: text compares by its characters, those at its end included, for which most collations take
 * blanks as nothing. The servers call that otherwise, and each reads what stands in a comment for it alone.
 */
export const tableOptions =
  'engine = innodb character set utf8mb4 /*!80000 collate utf8mb4_bin */ /*!80017 collate utf8mb4_0900_bin */ /*M!100202 collate utf8mb4_nopad_bin */';
