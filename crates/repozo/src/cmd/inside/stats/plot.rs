//! Plots as SVG.

use super::bin;
use crate::ui::figures::{bytes, count};
use filestorage::{Calendar, Tid};
use inspect::{Day, Histogram};
use plotters::prelude::*;

const SIZE: (u32, u32) = (960, 300);
const SECONDS_OF_DAY: f64 = 86_400.0;
const LABEL_SIZE: u32 = 13;
const FILLED: RGBColor = RGBColor(47, 111, 178);
const GRID: RGBColor = RGBColor(227, 232, 238);

/// What went wrong while drawing.
type Undrawn = Box<dyn std::error::Error>;

/// How the file grew; nothing of no day.
pub(super) fn growth(days: &[Day]) -> Option<String> {
    let mut len = 0;
    let mut points = Vec::with_capacity(days.len() + 1);
    for day in days {
        let start = start_of(day)?;
        if points.is_empty() {
            points.push((start, 0.0));
        }
        len += day.transactions.len;
        points.push((start + SECONDS_OF_DAY, as_float(len)));
    }
    let (first, last) = (points.first()?.0, points.last()?.0);
    draw(
        &Frame { x: first..last, y_max: as_float(len), x_label: &date, y_label: &|y| bytes(as_number(y)) },
        |chart| {
            chart.draw_series(
                AreaSeries::new(points.iter().copied(), 0.0, FILLED.mix(0.25)).border_style(FILLED),
            )?;
            Ok(())
        },
    )
}

/// How many there are of which length; nothing of none.
pub(super) fn lengths(lens: &Histogram) -> Option<String> {
    let bins: Vec<(f64, f64)> = lens
        .bins()
        .map(|(longest_len, amount)| (f64::from(longest_len.ilog2()), as_float(amount.count)))
        .collect();
    let (first, last) = (bins.first()?.0 - 1.0, bins.last()?.0);
    let most = bins.iter().map(|bin| bin.1).fold(1.0, f64::max);
    // Each bin is between what it is longer than and what it is not longer than.
    let x_label = |x: f64| bin(as_number(x.exp2()));
    draw(
        &Frame { x: first..last, y_max: most, x_label: &x_label, y_label: &|y| count(as_number(y)) },
        |chart| {
            chart.draw_series(
                bins.iter().map(|(x, y)| Rectangle::new([(x - 0.95, 0.0), (x - 0.05, *y)], FILLED.filled())),
            )?;
            Ok(())
        },
    )
}

struct Frame<'f> {
    x: std::ops::Range<f64>,
    y_max: f64,
    x_label: &'f dyn Fn(f64) -> String,
    y_label: &'f dyn Fn(f64) -> String,
}

type Chart<'c, 's> = ChartContext<
    'c,
    SVGBackend<'s>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn draw(frame: &Frame<'_>, series: impl FnOnce(&mut Chart<'_, '_>) -> Result<(), Undrawn>) -> Option<String> {
    let mut svg = String::new();
    draw_into(&mut svg, frame, series).ok()?;
    Some(svg)
}

fn draw_into(
    svg: &mut String,
    frame: &Frame<'_>,
    series: impl FnOnce(&mut Chart<'_, '_>) -> Result<(), Undrawn>,
) -> Result<(), Undrawn> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(8)
        .margin_right(30)
        .x_label_area_size(30)
        .y_label_area_size(80)
        .build_cartesian_2d(frame.x.clone(), 0.0..frame.y_max * 1.05)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(GRID)
        .x_labels(8)
        .y_labels(6)
        .label_style(("sans-serif", LABEL_SIZE))
        .x_label_formatter(&|x| (frame.x_label)(*x))
        .y_label_formatter(&|y| (frame.y_label)(*y))
        .draw()?;
    series(&mut chart)?;
    drop(chart);
    area.present()?;
    Ok(())
}

/// Midnight, in seconds since 1970.
fn start_of(day: &Day) -> Option<f64> {
    let Day { year, month, day, .. } = *day;
    let midnight = Calendar { year, month, day, hour: 0, minute: 0, second: 0.0 };
    Tid::from_calendar(midnight).map(|tid| tid.unix_seconds())
}

fn date(seconds: f64) -> String {
    let day = Tid::from_unix_seconds(seconds).map(|tid| tid.calendar());
    day.map_or_else(String::new, |day| format!("{:04}-{:02}-{:02}", day.year, day.month, day.day))
}

#[expect(clippy::cast_precision_loss, reason = "it is drawn")]
fn as_float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an axis begins at 0")]
fn as_number(value: f64) -> u64 {
    value.round() as u64
}
