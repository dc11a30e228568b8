// Every message that the folder tree shows and that does not come from the kernel.
export const TREE = {
  label: "Folders. Arrow keys move and open, space selects.",
  search: "Search open folders",
  loading: "fetching …",
  empty: "empty",
  found: (items) => `${items.toLocaleString("en")} found`,
  shown: (items) => `${items.toLocaleString("en")} shown`,
};
