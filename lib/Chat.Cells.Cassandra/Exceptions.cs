using System.Net;

namespace Cassandra;

/// <summary>Anything that this driver throws.</summary>
public class DriverException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The server broke the protocol, or the driver did.</summary>
public sealed class DriverInternalError(string message, Exception? inner = null) : DriverException(message, inner);

/// <summary>A value doesn't fit its column.</summary>
public sealed class InvalidTypeException(string message, Exception? inner = null) : DriverException(message, inner);

/// <summary>No host could be tried with success; <see cref="Errors"/> says why, host by host.</summary>
public sealed class NoHostAvailableException(IReadOnlyDictionary<IPEndPoint, Exception> errors) : DriverException(
    errors.Count == 0
        ? "No Cassandra host is known to be up."
        : "No Cassandra host answered: " + string.Join("; ", errors.Select(e => $"{e.Key}: {e.Value.Message}")), errors.Values.FirstOrDefault())
{
    public IReadOnlyDictionary<IPEndPoint, Exception> Errors { get; } = errors;
}

/// <summary>The client gave up waiting; whether the statement was applied isn't known.</summary>
public sealed class OperationTimedOutException(IPEndPoint host, TimeSpan timeout) : DriverException($"{host} did not answer within {timeout.TotalMilliseconds:0} ms.");

/// <summary>The connection broke while a request was in flight, or could not be made.</summary>
public sealed class ConnectionClosedException(IPEndPoint host, Exception? inner = null, bool wasSent = true)
    : DriverException(inner is null or OperationCanceledException ? $"The connection to {host} was closed." : $"The connection to {host} was closed: {inner.Message}", inner)
{
    /// <summary>False when the request certainly never left; otherwise whether it was applied isn't known.</summary>
    public bool WasSent { get; } = wasSent;
}

/// <summary>All stream ids of the host's connections are in use.</summary>
public sealed class BusyPoolException(IPEndPoint host) : DriverException($"All connections to {host} are busy.");

/// <summary>An ERROR of the server, in the coordinator's words.</summary>
public class ServerErrorException(string message) : DriverException(message);

/// <summary>Something unexpected happened inside the coordinator; whether the statement was applied isn't known.</summary>
public sealed class InternalServerErrorException(string message) : ServerErrorException(message);

public sealed class ProtocolErrorException(string message) : ServerErrorException(message);

/// <summary>Wrong credentials.</summary>
public sealed class AuthenticationException(string message) : ServerErrorException(message);

/// <summary>The coordinator knows that too few replicas are alive: not tried.</summary>
public sealed class UnavailableException(string message, ConsistencyLevel consistency, int required, int alive) : ServerErrorException(message)
{
    public ConsistencyLevel Consistency { get; } = consistency;
    public int RequiredReplicas { get; } = required;
    public int AliveReplicas { get; } = alive;
}

public sealed class OverloadedException(string message) : ServerErrorException(message);

public sealed class IsBootstrappingException(string message) : ServerErrorException(message);

public sealed class TruncateException(string message) : ServerErrorException(message);

/// <summary>Too few replicas acked in time; the write may still be applied.</summary>
public sealed class WriteTimeoutException(string message, ConsistencyLevel consistency, int received, int required, string writeType) : ServerErrorException(message)
{
    public ConsistencyLevel Consistency { get; } = consistency;
    public int ReceivedAcknowledgements { get; } = received;
    public int RequiredAcknowledgements { get; } = required;

    /// <summary>SIMPLE, BATCH, UNLOGGED_BATCH, COUNTER, BATCH_LOG, CAS, …</summary>
    public string WriteType { get; } = writeType;
}

/// <summary>Too few replicas answered in time.</summary>
public sealed class ReadTimeoutException(string message, ConsistencyLevel consistency, int received, int required, bool dataPresent) : ServerErrorException(message)
{
    public ConsistencyLevel Consistency { get; } = consistency;
    public int ReceivedAcknowledgements { get; } = received;
    public int RequiredAcknowledgements { get; } = required;
    public bool WasDataRetrieved { get; } = dataPresent;
}

/// <summary>A replica failed while it read.</summary>
public sealed class ReadFailureException(string message, ConsistencyLevel consistency, int received, int required) : ServerErrorException(message)
{
    public ConsistencyLevel Consistency { get; } = consistency;
    public int ReceivedAcknowledgements { get; } = received;
    public int RequiredAcknowledgements { get; } = required;
}

/// <summary>A replica failed while it wrote; the others may have applied it.</summary>
public sealed class WriteFailureException(string message, ConsistencyLevel consistency, int received, int required) : ServerErrorException(message)
{
    public ConsistencyLevel Consistency { get; } = consistency;
    public int ReceivedAcknowledgements { get; } = received;
    public int RequiredAcknowledgements { get; } = required;
}

/// <summary>The change-data-capture log refused the write.</summary>
public sealed class CdcWriteFailureException(string message) : ServerErrorException(message);

public sealed class FunctionFailureException(string message) : ServerErrorException(message);

/// <summary>A lightweight transaction met another one; whether it was applied isn't known.</summary>
public sealed class CasWriteUnknownException(string message) : ServerErrorException(message);

public sealed class SyntaxErrorException(string message) : ServerErrorException(message);

public sealed class UnauthorizedException(string message) : ServerErrorException(message);

public sealed class InvalidQueryException(string message) : ServerErrorException(message);

public sealed class InvalidConfigurationInQueryException(string message) : ServerErrorException(message);

public sealed class AlreadyExistsException(string message, string keyspace, string table) : ServerErrorException(message)
{
    public string Keyspace { get; } = keyspace;
    public string Table { get; } = table;
}

/// <summary>The host doesn't know a prepared statement (any more): the driver prepares it again by itself.</summary>
internal sealed class UnpreparedException(string message, byte[] id) : ServerErrorException(message)
{
    public byte[] Id { get; } = id;
}
