"""The panel: widgets that show and forward."""
