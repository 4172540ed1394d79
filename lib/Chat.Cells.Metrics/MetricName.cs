using System.Text;

namespace Chat.Cells.Metrics;

/// <summary>Instrument names and units as Prometheus names: <c>chat.delivery.duration</c> in <c>s</c> is <c>chat_delivery_duration_seconds</c>, a counter ends in <c>_total</c>.</summary>
internal static class MetricName
{
    public static string Create(string instrument, string? unit, bool counter)
    {
        var name = Sanitize(instrument);
        var suffix = UnitName(unit);
        if (counter && name.EndsWith("_total", StringComparison.Ordinal)) name = name[..^"_total".Length];
        if (suffix.Length > 0 && !name.EndsWith("_" + suffix, StringComparison.Ordinal)) name = $"{name}_{suffix}";
        return counter ? name + "_total" : name;
    }

    /// <summary>A label's name: letters, digits and underscores, not beginning with a digit.</summary>
    public static string Label(string tag) => Sanitize(tag).Replace(':', '_');

    private static string UnitName(string? unit) => unit switch
    {
        null or "" or "1" => "",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "min" => "minutes",
        "h" => "hours",
        "d" => "days",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "%" => "percent",
        ['{', ..] => "",
        _ => Sanitize(unit),
    };

    private static string Sanitize(string text)
    {
        var name = new StringBuilder(text.Length + 1);
        foreach (var c in text)
        {
            var legal = char.IsAsciiLetterOrDigit(c) || c is '_' or ':';
            if (name.Length == 0 && char.IsAsciiDigit(c)) name.Append('_');
            if (legal) name.Append(c);
            else if (name.Length == 0 || name[^1] != '_') name.Append('_');
        }
        return name.Length == 0 ? "_" : name.ToString();
    }
}
