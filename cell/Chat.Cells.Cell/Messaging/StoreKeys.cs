using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Messaging;

/// <summary>
/// What every store takes as a key. A record with another one would be refused by some store each time that it is tried, and hold up its partition for ever; so it is
/// told by the record alone, before anything is decided, that it can't be judged. An error of a store is never taken for that: it can't be told from one that passes
/// when somebody mends the store, and would put good messages aside.
/// </summary>
internal static class StoreKeys
{
    /// <summary>In UTF-16 units; far above what gateways and bridges let pass, and far below the 65,535 bytes of a key in Cassandra.</summary>
    public const int MaxLength = 1_024;

    /// <exception cref="RecordFormatException">One of its keys is empty or too long.</exception>
    public static void Check(ChannelRecord record)
    {
        switch (record)
        {
            case SendRecord send:
                Check(send.Origin);
                if (send.AfterRequest is { } after) Check(after, "The request before it");
                break;
            case CommandRecord command:
                Check(command.Origin);
                break;
            case ChangeRecord change:
                Check(change.Origin);
                break;
            case ReceiptRecord receipt:
                Check(receipt.UserId, "The user id");
                break;
        }
    }

    private static void Check(RequestOrigin origin)
    {
        Check(origin.UserId, "The user id");
        Check(origin.RequestId, "The request id");
    }

    private static void Check(string key, string what)
    {
        if (key.Length is 0 or > MaxLength) throw new RecordFormatException($"{what} has {key.Length} characters; 1 to {MaxLength} can be stored.");
    }
}
