// Every message of the panel for secrets.
export const CREDENTIALS = {
  label: "Enter secrets for a server",
  title: (profile, title) => `${profile}: ${title}`,
  hint: "boxnb tries what you enter, and saves it in a private file if the server accepts it. "
    + "Secret fields are emptied at once, and never saved in the notebook.",
  optional: "may be empty",
  missing: (label) => `Fill in the field “${label}”.`,
  submit: "Try and save",
  cancel: "Cancel",
  startAgain: "Start again",
  enterOthers: "Enter others",
  kernelLost: "The kernel has not responded to this panel. "
    + "Unless the kernel is busy, run this cell and the next one again.",
};
