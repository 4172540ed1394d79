using Cassandra;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>What the driver's errors mean to the store's callers.</summary>
internal static class StoreErrors
{
    /// <summary>The error with the coordinator's own words; those name columns, tables and nodes, never values.</summary>
    public static StoreException ToStore(Exception error) => new($"Cassandra: {error.Message}", error);

    /// <summary>True where the ring may do better a little later by itself; false where somebody has to change something.</summary>
    public static bool MayPass(Exception error) => error switch
    {
        NoHostAvailableException none => none.Errors.Count == 0 || none.Errors.Values.Any(MayPass),
        OperationTimedOutException or ConnectionClosedException or BusyPoolException => true,
        UnavailableException or OverloadedException or IsBootstrappingException or TruncateException or InternalServerErrorException => true,
        WriteTimeoutException or ReadTimeoutException or ReadFailureException or WriteFailureException or CasWriteUnknownException => true,
        SchemaNotAgreedException => true,
        DriverException { InnerException: { } inner } => inner is System.Net.Sockets.SocketException || MayPass(inner),
        System.Net.Sockets.SocketException => true,
        _ => false,
    };

    /// <summary>True when it isn't known whether a statement that failed so was, or will be, applied.</summary>
    public static bool IsOutcomeOpen(DriverException error) => error
        is WriteTimeoutException
        or CasWriteUnknownException
        or WriteFailureException
        or ReadTimeoutException
        or ReadFailureException
        or OperationTimedOutException
        or InternalServerErrorException
        or OverloadedException
        or ConnectionClosedException { WasSent: true };
}

/// <summary>The nodes' schemas still differ a while after a change.</summary>
internal sealed class SchemaNotAgreedException(string message) : DriverException(message);
