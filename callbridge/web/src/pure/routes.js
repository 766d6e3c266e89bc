// Which page an address names, and which one a role begins with. Pure.

const ALL = ["agent", "supervisor", "reports", "calls", "quality"];

export function pageOf(pathname) {
  const [, first, second] = pathname.split("/");
  if (first === "wall" && second) return { page: "wall", name: decoded(second) };
  if (ALL.includes(first)) return { page: first, name: decoded(second || "") };
  return { page: "home" };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A path of this server, or "": what leads elsewhere is not followed. */
export function localPath(path) {
  return /^\/[\w-]+$/.test(path || "") ? path : "";
}

export function homeOf(session) {
  return session.role === "agent" ? "/agent" : "/supervisor";
}

/** The pages of a user, in the order of the navigation. */
export function pagesOf(session) {
  const [staff, agent] = [may.supervise(session), Boolean(session.agent)];
  const open = { agent, supervisor: staff || session.role === "viewer", reports: true, calls: staff, quality: staff || agent };
  return ALL.filter((page) => open[page]);
}

/** Roles as the API has them: what the buttons of a page need. */
export const may = {
  supervise: (session) => session.role === "supervisor" || session.role === "admin",
  administer: (session) => session.role === "admin",
};
