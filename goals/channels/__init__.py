"""How an alert reaches a user, by name: one module each.

Adding one: docs/architecture.md, "Which files you touch".
"""

from goals.channels import apprise, email, telegram, webhook
from goals.channels.channel import Channel
from goals.enums import ChannelKind

CHANNELS: dict[ChannelKind, Channel] = {
    ChannelKind.EMAIL: email.CHANNEL,
    ChannelKind.WEBHOOK: webhook.CHANNEL,
    ChannelKind.TELEGRAM: telegram.CHANNEL,
    ChannelKind.APPRISE: apprise.CHANNEL,
}
