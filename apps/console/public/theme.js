// Before the first paint: the theme that was chosen on this device, or the system's.
try {
  const theme = localStorage.getItem("tracer.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the system's.
}
