"""Moving objects: uploads in one piece or in parts, and downloads that survive a broken connection."""
