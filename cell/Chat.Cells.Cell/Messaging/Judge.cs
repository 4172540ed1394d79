using System.Text.Unicode;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Messaging;

/// <summary>
/// Decides what a record of a channel's partition causes. Pure: a function of the log below the record (the state) and the record, and of the cell map only for where
/// effects go. So a replay from any committed offset decides the same again, with the same ids. Changes of messages depend on what other cells send as well, see there.
/// </summary>
/// <param name="cells">Who lives where.</param>
/// <param name="logPartition">The partition's number, see <see cref="Topics.LogPartition"/>.</param>
public sealed partial class Judge(ICellDirectory cells, ushort logPartition)
{
    /// <summary>How far ahead of a record's append time its verified <c>after</c> may lie and still count, in ms: clocks of cells differ, but not by more.</summary>
    public const long MaxAfterAhead = 3_600_000;

    /// <summary>After how many ms a sender tries again when its previous send was not judged yet.</summary>
    public const int RetryAfterRequest = 200;

    /// <summary>After how many ms a sender tries again when its channel version is not known here yet.</summary>
    public const int RetryVersion = 500;

    private readonly EffectRouting routing = new(cells, logPartition);

    /// <summary>The requests that must be loaded before a record is judged; null where there are none.</summary>
    public static (RequestKey? Own, RequestKey? After) RequestsOf(ChannelRecord record) => record switch
    {
        SendRecord send => (KeyOf(send.ChannelId, send.Origin), send.AfterRequest is null ? null : new RequestKey(send.ChannelId, send.Origin.UserId, send.AfterRequest)),
        CommandRecord command => (KeyOf(command.ChannelId, command.Origin), null),
        ChangeRecord change => (KeyOf(change.ChannelId, change.Origin), null),
        _ => (null, null),
    };

    /// <summary>Judges a record; the state holds its decision when this returns.</summary>
    /// <param name="offset">Its offset; higher than all that were judged with this state before.</param>
    /// <param name="appendTime">Unix ms.</param>
    /// <exception cref="RecordFormatException">It can't be judged, whenever it is tried.</exception>
    /// <exception cref="CellMapBehindException">It can't be judged yet.</exception>
    public Judgement Decide(JudgeState state, long offset, long appendTime, ChannelRecord record)
    {
        // Who took it in has authenticated the cell, with a newer map than ours: judged by ours it would be refused, for good.
        var from = (record as SnapshotRecord)?.FromCell ?? (record as CommandRecord)?.FromCell;
        if (from is not null && !cells.TryGetNumber(from, out _)) throw new CellMapBehindException(from);
        var at = new Position(state, offset, appendTime);
        var judgement = record switch
        {
            SendRecord send => Send(at, send),
            CommandRecord command => Command(at, command),
            SnapshotRecord snapshot => Snapshot(at, snapshot),
            ReceiptRecord receipt => Receipt(at, receipt),
            ChangeRecord change => Change(at, change),
            _ => throw new RecordFormatException($"{record.GetType().Name} is not judged."),
        };
        if (judgement.Message is { } message) state.Decided(message);
        if (judgement.Change is { } changed) state.Decided(changed);
        if (judgement.Channel is { } channel) state.Decided(channel);
        if (judgement.Request is { } request) state.Decided(request);
        return judgement;
    }

    private Judgement Send(Position at, SendRecord send)
    {
        if (!Utf8.IsValid(send.Content.Span)) throw new RecordFormatException("The content is not UTF-8.");
        var origin = send.Origin;
        var key = KeyOf(send.ChannelId, origin);
        var hash = ContentHash.Of(send);
        if (at.RequestBefore(key) is { } first) return Again(origin, first, hash, wantsVerdict: true);

        var channel = at.State.ChannelBefore(send.ChannelId, at.Offset);
        if (send.ChannelVersion > (channel?.Row.Version ?? 0)) return Retry(origin, send.ChannelId, RetryVersion);
        if (channel is null || !channel.IsMember(origin.UserId)) return Refuse(at, key, origin, hash, ErrorCodes.NotMember);
        if (send.AfterRequest is { } previous && previous != origin.RequestId && at.RequestBefore(key with { RequestId = previous }) is null)
        {
            return Retry(origin, send.ChannelId, RetryAfterRequest);
        }

        var id = NextId(at, send.After, at.State.IdOfReplay(key, at.Offset));
        var message = new MessageRow(send.ChannelId, id, origin.UserId, send.ContentType, send.Content, send.ReplyTo, channel.Row.Version);
        var (inbox, outbound) = routing.Message(message, origin.RequestId, channel.Members, at.Offset);
        return new Judgement
        {
            As = JudgedAs.Accepted,
            Message = message,
            Request = new RequestRow(key.ChannelId, key.SenderId, key.RequestId, at.Offset, id, hash, null, at.AppendTime),
            Inbox = inbox,
            Outbound = outbound,
            ServerId = origin.ServerId,
            Verdict = VerdictOf(origin, send.ChannelId, id, null, 0),
        };
    }

    private Judgement Command(Position at, CommandRecord command)
    {
        var bridged = command.FromCell is not null;
        if (bridged && !MayCommandFrom(command)) return new Judgement { As = JudgedAs.Refused };
        var origin = command.Origin;
        var key = KeyOf(command.ChannelId, origin);
        var hash = ContentHash.Of(command);
        if (at.RequestBefore(key) is { } first) return Again(origin, first, hash, wantsVerdict: !bridged);

        var before = at.State.ChannelBefore(command.ChannelId, at.Offset);
        var outcome = ChannelRules.Decide(before, command, cells);
        if (outcome.Error is { } error) return Refuse(at, key, origin, hash, error, wantsVerdict: !bridged);

        var id = NextId(at, null, at.State.IdOfReplay(key, at.Offset));
        var request = new RequestRow(key.ChannelId, key.SenderId, key.RequestId, at.Offset, id, hash, null, at.AppendTime);
        var verdict = bridged ? null : VerdictOf(origin, command.ChannelId, id, null, 0);
        if (before?.Row is { Type: ChannelType.Group } row && row.Home != cells.CellName)
        {
            return new Judgement { As = JudgedAs.Accepted, Request = request, Outbound = routing.CommandToHome(command, row.Home, at.Offset), ServerId = origin.ServerId, Verdict = verdict };
        }
        if (outcome.Members is not { } members)
        {
            return new Judgement { As = JudgedAs.Accepted, Request = request, ServerId = origin.ServerId, Verdict = verdict };
        }
        var changed = Membership.Change(
            before?.Row ?? new ChannelRow(command.ChannelId, command.Type, null, outcome.Home!, 0, at.Offset, at.AppendTime, []),
            members,
            outcome.Name,
            (before?.Row.Version ?? 0) + 1,
            at.Offset);
        return new Judgement
        {
            As = JudgedAs.Accepted,
            Channel = changed,
            Request = request,
            Inbox = routing.ChannelChanged(changed, before?.Members ?? [], members, id, origin.UserId, at.Offset),
            Outbound = routing.Snapshots(changed, before?.Members ?? [], members, at.Offset),
            ServerId = origin.ServerId,
            Verdict = verdict,
        };
    }

    private Judgement Snapshot(Position at, SnapshotRecord record)
    {
        var snapshot = record.Snapshot;
        if (!SnapshotRules.MaySend(record.ChannelId, snapshot, record.FromCell, cells)) return new Judgement { As = JudgedAs.Refused };
        var before = at.State.ChannelBefore(record.ChannelId, at.Offset);
        if (snapshot.Version <= (before?.Row.Version ?? 0)) return new Judgement { As = JudgedAs.Ignored };
        var id = NextId(at, null, null);
        var changed = Membership.Change(
            before?.Row ?? new ChannelRow(record.ChannelId, snapshot.Type, null, snapshot.Home, 0, at.Offset, snapshot.CreatedAt, []),
            snapshot.Members,
            snapshot.Name,
            snapshot.Version,
            at.Offset);
        return new Judgement
        {
            As = JudgedAs.Accepted,
            Channel = changed,
            Inbox = routing.ChannelChanged(changed, before?.Members ?? [], snapshot.Members, id, "", at.Offset),
        };
    }

    private Judgement Receipt(Position at, ReceiptRecord receipt)
    {
        if (receipt.DeliveredUpTo is null && receipt.ReadUpTo is null) return new Judgement { As = JudgedAs.Ignored };
        var channel = at.State.ChannelBefore(receipt.ChannelId, at.Offset);
        if (channel is null || !channel.IsMember(receipt.UserId)) return new Judgement { As = JudgedAs.Ignored };
        var (hint, outbound) = routing.Receipt(receipt, channel, at.Offset);
        return new Judgement
        {
            As = JudgedAs.Accepted,
            Receipt = new ReceiptRow(receipt.ChannelId, receipt.UserId, receipt.DeliveredUpTo, receipt.ReadUpTo, receipt.ReadCursor),
            Inbox = receipt.ReadUpTo is { } readUpTo ? routing.ReadByUser(receipt, readUpTo, NextId(at, null, null), at.Offset) : [],
            Outbound = outbound,
            ReceiptHint = hint,
        };
    }

    private bool MayCommandFrom(CommandRecord command) =>
        command.Command != ChannelCommand.Create
        && ChannelId.TryGetType(command.ChannelId, out var type)
        && type == ChannelType.Group
        && ChannelId.HomeOfGroup(command.ChannelId) == cells.CellName
        && cells.TryGetHome(command.Origin.UserId, out var home)
        && home == command.FromCell;

    private Ulid NextId(Position at, Ulid? after, Ulid? replayed)
    {
        var time = Math.Max(at.AppendTime, at.State.LastTime);
        if (after is { } known)
        {
            var next = MessageId.TimeOf(known) + 1;
            if (next > time && next <= at.AppendTime + MaxAfterAhead) time = next;
        }
        var id = replayed ?? MessageId.Create(time, cells.CellNumber, logPartition, at.Offset);
        at.State.LastTime = Math.Max(at.State.LastTime, MessageId.TimeOf(id));
        return id;
    }

    /// <param name="changed">For a change: the message that the first one changed, if it was accepted; then its request has the change's id.</param>
    private static Judgement Again(RequestOrigin origin, RequestRow first, ulong hash, bool wantsVerdict, Ulid? changed = null)
    {
        var conflict = first.ContentHash != hash;
        return new Judgement
        {
            As = conflict ? JudgedAs.Refused : JudgedAs.Repeat,
            ServerId = origin.ServerId,
            Verdict = !wantsVerdict ? null
                : conflict ? VerdictOf(origin, first.ChannelId, null, ErrorCodes.Conflict, 0)
                : changed is null || first.ErrorCode is not null ? VerdictOf(origin, first.ChannelId, first.MessageId, first.ErrorCode, 0)
                : VerdictOf(origin, first.ChannelId, changed, null, 0, first.MessageId),
        };
    }

    // A refusal is final: it is remembered like an acceptance, so that a repeat that comes after the reason has gone is not accepted behind the back of a client
    // that was told no. "Retry" is no verdict and is not remembered.
    private static Judgement Refuse(Position at, RequestKey key, RequestOrigin origin, ulong hash, string error, bool wantsVerdict = true) => new()
    {
        As = JudgedAs.Refused,
        Request = new RequestRow(key.ChannelId, key.SenderId, key.RequestId, at.Offset, null, hash, error, at.AppendTime),
        ServerId = origin.ServerId,
        Verdict = wantsVerdict ? VerdictOf(origin, key.ChannelId, null, error, 0) : null,
    };

    private static Judgement Retry(RequestOrigin origin, string channelId, int retryAfter) => new()
    {
        As = JudgedAs.Retry,
        ServerId = origin.ServerId,
        Verdict = VerdictOf(origin, channelId, null, ErrorCodes.Retry, retryAfter),
    };

    private static Verdict VerdictOf(RequestOrigin origin, string channelId, Ulid? messageId, string? error, int retryAfter, Ulid? eventId = null) =>
        new(origin.UserId, origin.DeviceId, origin.RequestId, channelId, messageId, error, retryAfter, eventId);

    private static RequestKey KeyOf(string channelId, RequestOrigin origin) => new(channelId, origin.UserId, origin.RequestId);

    private readonly record struct Position(JudgeState State, long Offset, long AppendTime)
    {
        public RequestRow? RequestBefore(RequestKey key) => State.RequestBefore(key, Offset, AppendTime);
    }
}
