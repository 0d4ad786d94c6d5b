# Reads one JSON object a line: secret, headers, body. Says for each what the
# independent library thinks of it.
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    x = json.loads(line)
    try:
        Webhook(x["secret"]).verify(x["body"], x["headers"])
        print(json.dumps({"python": "ok"}), flush=True)
    except (WebhookVerificationError, ValueError) as e:
        print(json.dumps({"python": "refused: " + str(e)}), flush=True)
