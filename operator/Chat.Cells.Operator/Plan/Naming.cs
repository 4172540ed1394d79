using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;

namespace Chat.Cells.Operator.Plan;

/// <summary>Names, labels and paths that the operator's objects agree on.</summary>
public static class Naming
{
    /// <summary>Field manager of everything that the operator writes.</summary>
    public const string FieldManager = "chat-cells-operator";

    /// <summary>The ConfigMap with the cell map.</summary>
    public const string MapName = "chat-cells-map";

    public const string ManagedByLabel = "app.kubernetes.io/managed-by";
    public const string AppLabel = "app.kubernetes.io/name";
    public const string InstanceLabel = "app.kubernetes.io/instance";
    public const string CellLabel = ChatCell.GroupName + "/cell";
    public const string SourceLabel = ChatCell.GroupName + "/source";

    /// <summary>Selects what the operator has made.</summary>
    public const string ManagedSelector = ManagedByLabel + "=" + FieldManager;

    public const string CellApp = "chat-cell";
    public const string BridgeApp = "chat-bridge";
    public const string MapApp = "chat-cell-map";

    public const int PublicPort = 8080;
    public const int InternalPort = 8081;
    public const int BridgePort = 8082;

    public const string DataPath = "/var/lib/chat-cells";
    public const string MapPath = "/etc/chat-cells/map";
    public const string SecretsPath = "/etc/chat-cells/secrets";

    public static string InternalService(string cell) => $"{cell}-internal";

    public static string CellSecret(string cell) => $"{cell}-cell";

    public static string Bridge(string target, string source) => $"{target}-from-{source}";

    /// <summary>The claim that the StatefulSet makes for its only pod.</summary>
    public static string Claim(string cell) => $"data-{cell}-0";

    /// <summary>Labels that select a cell's pods. For life: a StatefulSet's selector can't change.</summary>
    public static IReadOnlyDictionary<string, string> CellSelector(string cell) => new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        [AppLabel] = CellApp,
        [CellLabel] = cell,
    };

    /// <summary>Labels that select a bridge's pods.</summary>
    public static IReadOnlyDictionary<string, string> BridgeSelector(string target, string source) => new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        [AppLabel] = BridgeApp,
        [CellLabel] = target,
        [SourceLabel] = source,
    };

    /// <summary>A selector's labels and those that say whose the object is.</summary>
    public static IReadOnlyDictionary<string, string> Labels(IReadOnlyDictionary<string, string> selector, string instance) =>
        new SortedDictionary<string, string>(selector.ToDictionary(s => s.Key, s => s.Value), StringComparer.Ordinal)
        {
            [InstanceLabel] = instance,
            [ManagedByLabel] = FieldManager,
        };

    /// <summary>The cell owns the object: it goes with the cell.</summary>
    public static V1OwnerReference OwnedBy(ChatCell cell) => new()
    {
        ApiVersion = cell.ApiVersion!,
        Kind = cell.Kind!,
        Name = cell.Metadata.Name!,
        Uid = cell.Metadata.Uid ?? string.Empty,
        Controller = true,
        BlockOwnerDeletion = true,
    };
}
