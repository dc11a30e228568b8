// Every message that the table shows and that does not come from the kernel.
export const TABLE = {
  label: "Rows. Arrow keys move, space selects.",
  search: "Search all text",
  columns: "Columns",
  copy: "Copy",
  copyTitle: "Copy the selected rows, or all rows shown",
  csv: "CSV",
  csvTitle: "Download the selected rows, or all rows shown, as CSV",
  excel: "Excel",
  excelTitle: "Download the selected rows, or all rows shown, as Excel",
  code: "Copy code",
  codeTitle: "Copy the pandas code that returns these rows",
  codeCopied: "Code copied",
  copyFailed: "The browser did not allow copying.",
  noRows: "No rows match the search and the filters.",
  loading: "…",
  sortBy: (column) => `Sort by ${column}`,
  ascending: (column) => `▲ ${column}`,
  descending: (column) => `▼ ${column}`,
  filterBy: (column) => `Filter ${column}`,
  filterExamples: { bytes: "> 1 GB", time: "> 2026-01-01", number: "> 5" },
  filterExample: "filter",
  rowCount: (shown, total) => (
    shown === total ? `${number(shown)} rows` : `${number(shown)} of ${number(total)} rows`),
  withSelection: (rows, selected) => `${rows}, ${number(selected)} selected`,
  rowsCopied: (copied, total) => (
    copied < total ? `The first ${copied} of ${total} rows copied` : `${copied} rows copied`),
  downloaded: (file, remark) => `${file} is in your downloads${remark ? `. ${remark}` : ""}`,
};

function number(value) {
  return value.toLocaleString("en");
}
