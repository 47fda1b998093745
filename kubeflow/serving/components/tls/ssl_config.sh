#!/usr/bin/env bash
# Writes TensorFlow Serving's ssl_config_file from PEM files: ssl_config.sh FOLDER OUTPUT
#
# FOLDER holds tls.key and tls.crt of the server and ca.crt, by which clients must be certified. The file that results
# holds the key: it belongs in memory or beside the key, never in a repository.
set -euo pipefail
umask 077

folder=$1
output=$2

# A protocol buffer in text format joins the strings that follow each other.
field() {
  echo "$1:"
  sed 's/.*/  "&\\n"/' "$folder/$2"
}

{
  field server_key tls.key
  field server_cert tls.crt
  field custom_ca ca.crt
  echo 'client_verify: true'
} >"$output.partial"
mv "$output.partial" "$output"
