using Chat.Cells.Operator.Api;

namespace Chat.Cells.Operator.Plan;

/// <summary>Types of conditions on a ChatCell.</summary>
public static class ConditionTypes
{
    public const string Ready = "Ready";
    public const string Reconciling = "Reconciling";
    public const string Stalled = "Stalled";
    public const string GatewaysReady = "GatewaysReady";
    public const string KafkaReady = "KafkaReady";
    public const string CassandraReady = "CassandraReady";
    public const string RedisReady = "RedisReady";
    public const string BridgesReady = "BridgesReady";
    public const string UsersRemain = "UsersRemain";
}

/// <summary>Builds the conditions of a status; the time of a transition stays while the status does.</summary>
internal sealed class ConditionSet(ChatCell cell, DateTimeOffset now)
{
    private readonly List<ConditionStatus> _conditions = [];

    public IReadOnlyList<ConditionStatus> Conditions => _conditions;

    public ConditionStatus? Previous(string type) => cell.Status?.Conditions?.FirstOrDefault(c => c.Type == type);

    public void Set(string type, bool status, string reason, string message) => Set(type, status ? "True" : "False", reason, message);

    public void Set(string type, string status, string reason, string message)
    {
        var previous = Previous(type);
        // Whole seconds: what is compared with the stored status must be what is stored.
        var at = previous is not null && previous.Status == status ? previous.LastTransitionTime : DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds());
        _conditions.Add(new ConditionStatus
        {
            Type = type,
            Status = status,
            Reason = reason,
            Message = message,
            ObservedGeneration = cell.Metadata.Generation,
            LastTransitionTime = at,
        });
    }
}
