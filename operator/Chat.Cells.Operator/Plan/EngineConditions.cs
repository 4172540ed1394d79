using System.Globalization;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Observe;

namespace Chat.Cells.Operator.Plan;

/// <summary>The conditions KafkaReady, CassandraReady and RedisReady.</summary>
internal static class EngineConditions
{
    private const string Answering = "Answering";
    private const string NotAnswering = "NotAnswering";

    /// <summary>Longer words of an engine are cut: they come from software that is not ours.</summary>
    private const int MaxWords = 500;

    private static readonly (string Component, string Type, string Check)[] Components =
        [("kafka", ConditionTypes.KafkaReady, "log"), ("cassandra", ConditionTypes.CassandraReady, "store"), ("redis", ConditionTypes.RedisReady, "state")];

    /// <summary>Sets the three; <paramref name="gateways"/> says whether an embedded cell's pod is ready.</summary>
    public static void Set(ConditionSet conditions, Observed observed, bool gateways)
    {
        foreach (var (component, type, check) in Components)
        {
            var spec = EngineRules.Of(observed.Cell.Spec).First(e => e.Name == component).Spec;
            if (spec.Engine != EngineKind.External)
            {
                conditions.Set(type, gateways, "Embedded", gateways ? "built into the cell's pod, which is ready" : "built into the cell's pod, which is not ready");
                continue;
            }
            var (status, reason, message) = OfExternal(component, spec, check, observed, conditions.Previous(type));
            conditions.Set(type, status, reason, message);
        }
    }

    private static (string Status, string Reason, string Message) OfExternal(string component, EngineSpec spec, string check, Observed observed, ConditionStatus? previous)
    {
        if (EngineSecretKeys.Fault(component, spec, observed.EngineSecrets) is { } fault)
        {
            return ("False", fault.Reason, fault.Message);
        }
        var where = string.Join(", ", spec.Endpoints ?? []);
        var asked = observed.Servers.Where(s => s.Checks.ContainsKey(check)).ToList();
        if (asked.Count == 0)
        {
            return ("Unknown", "NoServerAnswers", $"no server of the cell can be asked about {where}: see kubectl logs -n {observed.Cell.Metadata.Namespace} -l {Naming.CellLabel}={observed.Cell.Metadata.Name}");
        }
        var bad = asked.Where(s => s.Checks[check] != "ok").ToList();
        if (bad.Count == 0)
        {
            return ("True", Answering, $"the cell's servers use {where}");
        }
        var who = string.Create(CultureInfo.InvariantCulture, $"{bad.Count} of {asked.Count} servers of the cell can't use {where}; {bad[0].Name}: ");
        // Engines' words often have times and counts in them: what is said stays until something else is the matter, or each look at the cell would be another status.
        var isKnown = previous is { Reason: NotAnswering } && previous.Message.StartsWith(who, StringComparison.Ordinal);
        return ("False", NotAnswering, isKnown ? previous!.Message : who + Cut(bad[0].Checks[check]));
    }

    private static string Cut(string words) => words.Length <= MaxWords ? words : words[..MaxWords] + "…";
}
