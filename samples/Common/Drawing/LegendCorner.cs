namespace MedPeft.Samples.Drawing;

/// <summary>Where a legend stands inside its panel: the corner that the curves leave free.</summary>
public enum LegendCorner
{
    /// <summary>Below a ROC curve.</summary>
    LowerRight,

    /// <summary>Below a precision-recall curve.</summary>
    LowerLeft,

    /// <summary>Above a falling precision-recall curve.</summary>
    UpperRight,

    /// <summary>Above a reliability curve.</summary>
    UpperLeft,
}
