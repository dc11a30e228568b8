// Every message of the sign-in panel. Only those in `steps` and those marked "Markup" contain markup.
export const PANEL = {
  label: "Sign in to Box",
  title: (profile) => `Sign in: ${profile}`,
  cancel: "Cancel",
  startAgain: "Start again",
  close: "Close",
  sandbox: "the sandbox",
  kernelRestarted: "The kernel was restarted. Run the cells from the top.",
  kernelSilent: "The kernel has not responded to this panel. "
    + "Unless the kernel is busy, run this cell and the next one again.",

  register: {
    heading: "Register the app",
    registered: (clientId, fingerprint) => (
      `Client ID ${clientId}, client secret with fingerprint ${fingerprint}.`),
    registeredInSandbox: "The app is already registered for you. This is the sandbox on your own computer, "
      + "so you do not need an account. Open the section below to see the steps in the real Box.",
    useAnotherApp: "Use another app",
    summary: "What to click in Box's Developer Console",
    steps: {
      // {console} becomes the link to the Developer Console.
      newApp: "Open the {console}, press <b>New App</b> and choose <b>User</b>, "
        + "which is <b>User Authentication (OAuth 2.0)</b>. You cannot change this choice later.",
      redirect: "In the <b>Configuration</b> tab, set the <b>OAuth 2.0 Redirect URI</b> "
        + "to exactly this address. Every character counts:",
      scopes: "Tick these <b>Application Scopes</b>:",
      asUser: "Under <b>Advanced Features</b>, turn on <b>Make API calls using the as-user header</b>. "
        + "Reports on other users' content need it.",
      save: "Press <b>Save Changes</b>, then copy the <b>Client ID</b> and the <b>Client Secret</b> "
        + "from the same tab. Box may ask for your second factor before it shows the secret.",
    },
    console: "Developer Console",
    copy: "Copy",
    copied: "copied",
    selected: "selected: press Ctrl+C",
    // Markup.
    hub: "This is the address of your JupyterHub, which passes the code on to this notebook. "
      + "This has <i>not been run on a real hub</i> yet. If it fails, paste the address as step 3 says.",
    // The name of each scope in Box, and what it is for. Markup.
    scopes: [
      ["Read all files and folders",
        "what is stored and how it is shared; to upload, also tick <b>Write all files and folders</b>"],
      ["Manage users", "the list of users; Box does not have a read-only scope for it"],
      ["Manage groups", "groups and their members"],
      ["Manage enterprise properties", "the admin event log"],
    ],
    // Markup.
    whoSignsIn: "<b>Who should sign in?</b> An admin, or a co-admin who can manage users and run reports. "
      + "The notebook sees only what that user can see. If your company blocks unpublished apps, "
      + "an admin must first enable this one in the Admin Console under Integrations, Platform Apps Manager. "
      + "If you change scopes later, sign in again: a token keeps the scopes it was issued with.",
    clientId: "Client ID",
    clientSecret: "Client Secret",
    secretReceived: (fingerprint) => `received, fingerprint ${fingerprint}; the field was cleared on purpose`,
    otherRedirect: "My app has another redirect URI",
    redirectUri: "Redirect URI",
    submit: "Save and continue",
  },

  open: {
    heading: "Open Box",
    link: (server) => `Open ${server}`,
    now: (server) => (
      `opens a new tab, where you sign in to ${server} and press Grant. Your password stays there.`),
    later: "in a new tab, to sign in and press Grant.",
    waitingTab: "Waiting for the notebook…",
  },

  catch: {
    heading: "Catch the code",
    throughHub: "After you press Grant, the code comes back by itself through your JupyterHub "
      + "(this has not been run on a real hub yet). A code is valid for 30 seconds after you press Grant.",
    listening: "After you press Grant, the code comes back by itself if your browser and this notebook "
      + "are on the same computer. A code is valid for 30 seconds after you press Grant.",
    byHand: "After you press Grant, your browser opens a page whose address contains the code. "
      + "The code is valid for 30 seconds after you press Grant.",
    expired: "A code granted more than 30 seconds ago has expired.",
    newCode: "Get a new code",
    orPaste: "Or paste",
    paste: "Paste",
    pasteRest: "the whole address here; it is used immediately",
    pasteExample: "http://127.0.0.1…/callback?code=…&state=…",
    leftSinceArrival: "s left for this code, counted from its arrival",
    leftAtMost: "s at most: a code is valid for 30 s after you press Grant",
    secondsLeft: (seconds) => `${seconds} seconds left`,
    pageBroken: "Does the page after Grant look broken?",
    pageBrokenHelp: "The address of that page contains the code; nothing else on it matters. "
      + "Copy the whole address within 30 seconds and paste it above. "
      + "If it is too late, press Back in that tab and grant again, or use Open Box. "
      + "If you see your Box files instead, the app still has its default redirect URI. "
      + "The code is in that address too.",
  },

  confirm: {
    label: "Is this you?",
    question: (account, { bare, before }) => [
      bare && "The state was not checked, because a code alone does not include it.",
      before && `Until now, this profile was signed in as ${before}.`,
      `The code signs in ${account}. Is this you, in the right enterprise?`,
    ].filter(Boolean).join(" "),
    yes: "Yes, save it",
    no: "No, discard it",
  },

  done: {
    heading: "Done",
    notYet: "Here you will see who signed in and where the token is saved.",
    managedUser: "A managed user cannot list users. Sign in again as an admin or co-admin.",
    noTokenHere: "This notebook does not hold a token. Other notebooks and scripts use the file.",
    again: "Sign in again",
    practise: "Practise the sign-in",
    signedIn: "Signed in",
    unknown: "unknown",
    enterprise: "Enterprise",
    enterpriseId: (id) => `(id ${id})`,
    token: "Token",
    fingerprint: (fingerprint) => `fingerprint ${fingerprint}`,
    accessToken: "Access token",
    refreshedByItself: (until) => `${until}; refreshed automatically`,
    refreshToken: "Refresh token",
    newWithEveryUse: (until) => `${until}; every use returns a new one`,
    file: "File",
  },

  expiry: {
    over: "expired",
    minutes: (time, minutes) => `until ${time} (${minutes} ${minutes === 1 ? "minute" : "minutes"})`,
    hours: (time, hours) => `until ${time} (${hours} hours)`,
    days: (day, days) => `until ${day} (${days} days)`,
  },

  roles: { admin: "admin", coadmin: "co-admin", user: "managed user" },
  roleOf: (role, enterprise) => `${role} of ${enterprise}`,

  flowSummary: "The whole flow in one picture",

  drawing: {
    title: "Drawing: a browser window says that the page cannot be reached. "
      + "The whole address in its address bar is marked for copying.",
    address: "127.0.0.1:8917/callback?code=…&state=…",
    unreachable: "This page cannot be reached",
    expected: "expected: nothing has to listen at that address",
    copy: "copy this whole address, paste it above",
  },
};
