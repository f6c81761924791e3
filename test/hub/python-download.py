# Downloads a repository as Python programs do: python-download.py REPO [offline]
import sys
from huggingface_hub import __version__, snapshot_download

folder = snapshot_download(sys.argv[1], local_files_only=len(sys.argv) > 2)
print(__version__)
print(folder)
