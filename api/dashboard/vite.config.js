// Build settings: one hashed script and one hashed stylesheet, nothing inlined, so `Content-Security-Policy: default-src 'self'` holds.
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2022",
    reportCompressedSize: true,
  },
  server: { proxy: { "/api": process.env.CHERGUI_URL ?? "http://127.0.0.1:8090" } },
});
