namespace Chat.Cells.Chaos.Cells;

/// <summary>A server of the cell under test.</summary>
/// <param name="Name">Its id; also how scenarios name it.</param>
/// <param name="Roles">What it does.</param>
/// <param name="Clock">Its clock.</param>
public sealed record ServerPlan(string Name, IReadOnlyList<string> Roles, TimeProvider Clock)
{
    public const string GatewayName = "gateway-0";
    public const string FanOutName = "fanout-0";
    public const string DeliveryName = "delivery-0";

    /// <summary>One server a role, so that each may die alone. Fan-out serves what bridges bring as well.</summary>
    public static IReadOnlyList<ServerPlan> Apart { get; } =
    [
        new(GatewayName, ["gateway"], TimeProvider.System),
        new(FanOutName, ["fanout"], TimeProvider.System),
        new(DeliveryName, ["delivery"], TimeProvider.System),
    ];

    /// <summary>The server on which a consumer group, or the gateway, runs.</summary>
    public static string ServerOf(string role) => role switch
    {
        "fanout" or "bridge-in" => FanOutName,
        "delivery" => DeliveryName,
        _ => GatewayName,
    };
}
