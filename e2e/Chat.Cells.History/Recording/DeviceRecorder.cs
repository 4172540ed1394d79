using System.Text;
using Chat.Cells.Client.Accounts;
using Chat.Cells.Client.Connections;
using Chat.Cells.Client.Events;
using Chat.Cells.Client.Messaging;
using Chat.Cells.Client.Timelines;

namespace Chat.Cells.History.Recording;

/// <summary>
/// Records one device: give it to a client as its frame tap, call <see cref="Handle"/> from its handler, send through <see cref="Send"/>, and write
/// <see cref="WriteFinal"/> at the end.
/// </summary>
public sealed class DeviceRecorder : IFrameTap
{
    private readonly HistoryRecorder recorder;
    private readonly Lock sending = new();

    /// <param name="recorder">Where to.</param>
    /// <param name="session">The device's.</param>
    /// <param name="mustSeeEverything">False: a device that may end the run without having been shown everything.</param>
    public DeviceRecorder(HistoryRecorder recorder, Session session, bool mustSeeEverything = true)
    {
        this.recorder = recorder;
        Device = session.DeviceId;
        User = session.UserId;
        if (mustSeeEverything) recorder.Write(new DeviceAdded(recorder.Now, Device, User));
    }

    public string Device { get; }

    public string User { get; }

    /// <summary>Sends and records it, so that the order of the records is the order of sending.</summary>
    public PendingSend Send(Client.ChatClient client, string channel, string content, string? replyTo = null)
    {
        lock (sending)
        {
            var requestId = Ulid.NewUlid().ToString();
            recorder.Write(new MessageSent(recorder.Now, Device, channel, requestId, content, client.Timeline(channel).HighestId, replyTo));
            return client.Send(channel, content, replyTo, requestId);
        }
    }

    /// <summary>Records what the SDK tells the application.</summary>
    public void Handle(ChatEvent chatEvent)
    {
        var at = recorder.Now;
        switch (chatEvent)
        {
            case MessageReceived received:
                Shown(at, received.Message, received.Live);
                break;
            case SendAccepted accepted:
                recorder.Write(new SendAcked(at, Device, accepted.RequestId, accepted.Message.MessageId));
                if (accepted.New) Shown(at, accepted.Message, live: true);
                break;
            case Client.Events.SendRefused refused:
                recorder.Write(new SendRefused(at, Device, refused.Outcome.RequestId, refused.Outcome.ErrorCode ?? ""));
                break;
            case ChannelUpdated { Removed: false } updated:
                Members(updated.Channel);
                break;
            case ReceiptReceived receipt:
                recorder.Write(new ReceiptShown(at, Device, receipt.ChannelId, receipt.UserId, receipt.DeliveredUpTo, receipt.ReadUpTo));
                break;
            default:
                break;
        }
    }

    /// <summary>Records a channel's members as of its version.</summary>
    public void Members(ChatChannel channel) =>
        recorder.Write(new MembersSeen(recorder.Now, channel.ChannelId, channel.Version, channel.Members.Select(m => m.UserId).ToArray()));

    /// <summary>Records the final timelines.</summary>
    public void WriteFinal(Client.ChatClient client)
    {
        foreach (var timeline in client.Timelines)
        {
            recorder.Write(new FinalTimeline(recorder.Now, Device, timeline.ChannelId, timeline.Snapshot().Select(m => m.MessageId).ToArray()));
        }
    }

    /// <summary>Reads and records a channel's whole history.</summary>
    public async Task WriteHistoryAsync(Client.ChatClient client, string channel, CancellationToken cancellationToken)
    {
        var messages = new List<HistoryMessage>();
        await foreach (var m in client.Api.ReadHistoryAsync(channel, cancellationToken))
        {
            messages.Add(new HistoryMessage(m.MessageId, m.Sender, m.Content, m.ReplyTo, m.ChannelVersion));
        }
        messages.Reverse();
        recorder.Write(new FinalHistory(recorder.Now, Device, channel, messages));
    }

    void IFrameTap.ConnectionOpened(int connection, long at) => recorder.Write(new ConnectionOpened(recorder.At(at), Device, connection));

    void IFrameTap.ConnectionClosed(int connection, long at, int? closeCode, string? reason) =>
        recorder.Write(new ConnectionClosed(recorder.At(at), Device, connection, closeCode, reason));

    void IFrameTap.Frame(int connection, long at, FrameDirection direction, ReadOnlySpan<byte> frame)
    {
        if (frame.Length < 100 && frame.IndexOf("\"heartbeat\""u8) >= 0) return;
        recorder.Write(new FrameSeen(recorder.At(at), Device, connection, direction == FrameDirection.ToServer, Encoding.UTF8.GetString(frame)));
    }

    private void Shown(long at, ChatMessage message, bool live) =>
        recorder.Write(new MessageShown(at, Device, message.ChannelId, message.MessageId, message.Sender, message.Content, live));
}
