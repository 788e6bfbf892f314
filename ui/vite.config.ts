import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.ASSAY_URL ?? "http://127.0.0.1:7475";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    outDir: "../src/assay/server/page",
    emptyOutDir: true,
    target: "es2023",
    // Fonts and images stay files: the content security policy allows no data: fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    chunkSizeWarningLimit: 600,
  },
  worker: { format: "es" },
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  server: { proxy: { "/api": server, "/health": server } },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"] },
});
