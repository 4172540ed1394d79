using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.LocalCluster.Controllers;

/// <summary>Matches labels against selectors. A workload's selector that is missing or empty matches nothing, so that nobody adopts everything.</summary>
internal static class LabelSelectors
{
    public static bool Matches(V1LabelSelector? selector, IReadOnlyDictionary<string, string>? labels)
    {
        if (selector is null || (selector.MatchLabels is not { Count: > 0 } && selector.MatchExpressions is not { Count: > 0 }))
        {
            return false;
        }

        return Matches(selector.MatchLabels, labels) && (selector.MatchExpressions ?? []).All(requirement => Matches(requirement, labels));
    }

    public static bool Matches(IReadOnlyDictionary<string, string>? wanted, IReadOnlyDictionary<string, string>? labels) =>
        wanted is null || wanted.All(pair => labels is not null && labels.TryGetValue(pair.Key, out var value) && string.Equals(value, pair.Value, StringComparison.Ordinal));

    private static bool Matches(V1LabelSelectorRequirement requirement, IReadOnlyDictionary<string, string>? labels)
    {
        string? value = null;
        var present = labels is not null && labels.TryGetValue(requirement.Key, out value);
        return requirement.Operator switch
        {
            "In" => present && requirement.Values?.Contains(value!) == true,
            "NotIn" => !present || requirement.Values?.Contains(value!) != true,
            "Exists" => present,
            "DoesNotExist" => !present,
            _ => false,
        };
    }
}
